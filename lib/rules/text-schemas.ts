import type { StandardSchemaV1 } from '@standard-schema/spec';
import { jsonNumber } from '../common/json.ts';

type Validate = StandardSchemaV1.Props<string, unknown>['validate'];

/**
 * Creates a schema for texts that are a finite number in JSON's grammar, without surrounding white space.
 *
 * @param schema an additional schema for the number
 */
export function number(schema?: StandardSchemaV1): StandardSchemaV1<string, unknown> {
  return textSchema((text) => {
    const value = typeof text === 'string' ? jsonNumber(text) : null;
    return value === null ? failure('not a number') : validateParsed(schema, value);
  });
}

/**
 * Creates a schema for texts that are JSON.
 *
 * @param schema an additional schema for the parsed value
 */
export function json(schema?: StandardSchemaV1): StandardSchemaV1<string, unknown> {
  return textSchema((text) => {
    if (typeof text !== 'string') return failure('not JSON');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Discard the error, whose message quotes the text.
      return failure('not JSON');
    }
    return validateParsed(schema, value);
  });
}

function textSchema(validate: Validate): StandardSchemaV1<string, unknown> {
  return { '~standard': { version: 1, vendor: 'cognito-sync-backend', validate } };
}

function validateParsed(schema: StandardSchemaV1 | undefined, value: unknown): ReturnType<Validate> {
  return schema ? schema['~standard'].validate(value) : { value };
}

function failure(message: string): StandardSchemaV1.FailureResult {
  return { issues: [{ message }] };
}
