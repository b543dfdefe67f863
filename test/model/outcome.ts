import { ServiceError } from '../../lib/common/errors.ts';
import { ANY_TEXT } from './model-pools.ts';

/** What a call came to. */
export type Outcome<Output> = { answer: Output } | { refused: string; message: string };

/** @throws what is no answer of the API's */
export async function settle<Output>(call: () => Output | Promise<Output>): Promise<Outcome<Output>> {
  try {
    return { answer: await call() };
  } catch (error) {
    if (error instanceof ServiceError) return { refused: error.code, message: error.message };
    throw error;
  }
}

const TOKENS = ['SyncSessionToken', 'NextToken'] as const;

/** The service's tokens by the model's handles. */
export function createTokens() {
  const texts = new Map<string, string>();
  const handles = new Map<string, string>();

  return {
    handles: () => [...texts.keys()],

    /** An input with the service's tokens in place of handles. */
    toService<Input extends object>(input: Input): Input {
      return replaceTokens(input, (handle) => texts.get(handle) ?? handle);
    },

    /**
     * What the service answered, in the model's terms: with handles, each of them for one token, and without what is
     * not compared.
     */
    toModel<Output extends object>(real: Outcome<Output>, expected: Outcome<Output>): Outcome<Output> {
      if ('refused' in real)
        return 'refused' in expected && expected.message === '' ? { ...real, message: '' } : real;
      if ('refused' in expected) return real;
      for (const name of TOKENS) {
        const [text, handle] = [Reflect.get(real.answer, name), Reflect.get(expected.answer, name)];
        if (typeof text !== 'string' || typeof handle !== 'string' || texts.has(handle)) continue;
        texts.set(handle, text);
        // A page can be come to on two ways; a session cannot.
        if (name === 'NextToken' || !handles.has(text)) handles.set(text, handle);
      }
      const answer = replaceTokens(real.answer, (text) => handles.get(text) ?? text);
      const isMessage = typeof Reflect.get(answer, 'FailureMessage') === 'string';
      return { answer: isMessage ? { ...answer, FailureMessage: ANY_TEXT } : answer };
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
