import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

// More than any text of ours, so that nobody makes us hash a long one.
const MAX_LENGTH = 2_048;

/**
 * Text that only we can make: `<content>.<HMAC-SHA-256>`, both base64url. It is bound to a purpose and to what it is
 * about, which are signed but not part of it.
 */
export function createSigner(key: Buffer) {
  // Bytes would be made into a key at every signature, which takes longer than the signature.
  const secret = createSecretKey(key);

  /** The signature alone, for a content that stands elsewhere. */
  function signatureOf(content: string, about: readonly string[]): string {
    return createHmac('sha256', secret)
      .update(JSON.stringify([content, ...about]))
      .digest('base64url');
  }

  function sign(content: string, about: readonly string[]): string {
    return `${Buffer.from(content).toString('base64url')}.${signatureOf(content, about)}`;
  }

  /** @returns the content; null where the text is not, to the letter, what `sign` made of it for this */
  function open(text: string, about: readonly string[]): string | null {
    if (text.length > MAX_LENGTH) return null;
    const content = Buffer.from(text.split('.', 1)[0] ?? '', 'base64url').toString();
    return isEqual(text, sign(content, about)) ? content : null;
  }

  return {
    sign,
    open,
    signatureOf,
    isSignatureOf: (signature: string, content: string, about: readonly string[]) =>
      isEqual(signature, signatureOf(content, about)),
  };
}

/** Takes as long for a text that is nearly ours as for any other of its length. */
function isEqual(given: string, ours: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(ours)];
  return a.length === b.length && timingSafeEqual(a, b);
}
