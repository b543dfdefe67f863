// Function names have at most 64 characters, aliases at most 128. Source: AWS Lambda API Reference, CreateFunction
// and CreateAlias.
const FUNCTION_ARN =
  'arn:aws(-cn|-us-gov)?:lambda:[a-z]{2}(-[a-z]+)+-\\d:\\d{12}:function:[\\w-]{1,64}(:(\\$LATEST|[\\w-]{1,128}))?';
const WHOLE = new RegExp(`^(?:${FUNCTION_ARN})$`);

/** Pattern of the ARN of a Lambda function, or of a function's version or alias. Error messages quote this pattern. */
export const FUNCTION_ARN_PATTERN = FUNCTION_ARN;

export function isFunctionArn(text: string): boolean {
  return WHOLE.test(text);
}
