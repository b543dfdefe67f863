import { ServiceError } from '../../lib/common/errors.ts';
import { ANY_TEXT } from './model-pools.ts';

/** The outcome of a call. */
export type Outcome<Output> = { output: Output } | { rejected: string; message: string };

/** Makes the call and returns its outcome. @throws any error that is not an error of the API */
export async function settle<Output>(call: () => Output | Promise<Output>): Promise<Outcome<Output>> {
  try {
    return { output: await call() };
  } catch (error) {
    if (error instanceof ServiceError) return { rejected: error.code, message: error.message };
    throw error;
  }
}

const TOKENS = ['SyncSessionToken', 'NextToken'] as const;

/** Creates the mapping between the service's tokens and the model's handles. */
export function createTokens() {
  const texts = new Map<string, string>();
  const handles = new Map<string, string>();

  return {
    handles: () => [...texts.keys()],

    /** Replaces handles in an input with the service's tokens. */
    toService<Input extends object>(input: Input): Input {
      return replaceTokens(input, (handle) => texts.get(handle) ?? handle);
    },

    /**
     * Converts an outcome of the service to the model's format: replaces tokens with the model's handles, and texts
     * that are not compared with placeholders.
     */
    toModel<Output extends object>(real: Outcome<Output>, expected: Outcome<Output>): Outcome<Output> {
      if ('rejected' in real)
        return 'rejected' in expected && expected.message === '' ? { ...real, message: '' } : real;
      if ('rejected' in expected) return real;
      for (const name of TOKENS) {
        const [text, handle] = [Reflect.get(real.output, name), Reflect.get(expected.output, name)];
        if (typeof text !== 'string' || typeof handle !== 'string' || texts.has(handle)) continue;
        texts.set(handle, text);
        // Two calls can return the same NextToken for the same page, so a NextToken is mapped to its latest handle. Two
        // sessions must not have the same token. A session token keeps its first handle, so that the comparison fails
        // if a new session gets the token of another session.
        if (name === 'NextToken' || !handles.has(text)) handles.set(text, handle);
      }
      const output = replaceTokens(real.output, (text) => handles.get(text) ?? text);
      const hasMessage = typeof Reflect.get(output, 'FailureMessage') === 'string';
      return { output: hasMessage ? { ...output, FailureMessage: ANY_TEXT } : output };
    },
  };
}

function replaceTokens<Members extends object>(members: Members, by: (token: string) => string): Members {
  const replaced = { ...members };
  for (const name of TOKENS) {
    const token = Reflect.get(replaced, name);
    if (typeof token === 'string') Reflect.set(replaced, name, by(token));
  }
  return replaced;
}
