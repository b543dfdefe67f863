import type { StandardSchemaV1 } from '@standard-schema/spec';
import { jsonNumber } from '../common/json.ts';

type Validate = StandardSchemaV1.Props<string, unknown>['validate'];

/**
 * The schema of a text that is a number: by JSON's grammar, without space around it, and finite.
 * @param schema what is asked of the number besides
 */
export function number(schema?: StandardSchemaV1): StandardSchemaV1<string, unknown> {
  return textSchema((text) => {
    const value = typeof text === 'string' ? jsonNumber(text) : null;
    return value === null ? refused('not a number') : ask(schema, value);
  });
}

/**
 * The schema of a text that is JSON.
 * @param schema what is asked of what the JSON stands for
 */
export function json(schema?: StandardSchemaV1): StandardSchemaV1<string, unknown> {
  return textSchema((text) => {
    if (typeof text !== 'string') return refused('not JSON');
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // The message of the error quotes the text.
      return refused('not JSON');
    }
    return ask(schema, value);
  });
}

function textSchema(validate: Validate): StandardSchemaV1<string, unknown> {
  return { '~standard': { version: 1, vendor: 'cognito-sync-backend', validate } };
}

function ask(schema: StandardSchemaV1 | undefined, value: unknown): ReturnType<Validate> {
  return schema ? schema['~standard'].validate(value) : { value };
}

function refused(message: string): StandardSchemaV1.FailureResult {
  return { issues: [{ message }] };
}
