// A function's name has at most 64 characters, an alias 128. Source: AWS Lambda API Reference, CreateFunction, CreateAlias.
const FUNCTION_ARN =
  'arn:aws(-cn|-us-gov)?:lambda:[a-z]{2}(-[a-z]+)+-\\d:\\d{12}:function:[\\w-]{1,64}(:(\\$LATEST|[\\w-]{1,128}))?';
const WHOLE = new RegExp(`^(?:${FUNCTION_ARN})$`);

/** The ARN of a Lambda function, of a version or of an alias of one, as messages show it. */
export const FUNCTION_ARN_PATTERN = FUNCTION_ARN;

export function isFunctionArn(text: string): boolean {
  return WHOLE.test(text);
}
