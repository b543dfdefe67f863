import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

// Maximum length of a text that `open` accepts. Any text that this service signs is shorter. The limit prevents callers
// from making this service hash long texts.
const MAX_LENGTH = 2_048;

/**
 * Creates a signer for texts of the form `<content>.<HMAC-SHA-256>`, with both parts in base64url. Only a holder of the
 * key can create such a text. The signature also covers a purpose and the subject of the text (`about`), which are not
 * part of the text.
 */
export function createSigner(key: Buffer) {
  // Create the key object once. With a key in bytes, Node would create a key object for every signature, which takes
  // longer than signing.
  const secret = createSecretKey(key);

  /** Signs content that the caller stores or sends separately. @returns only the signature */
  function signatureOf(content: string, about: readonly string[]): string {
    return createHmac('sha256', secret)
      .update(JSON.stringify([content, ...about]))
      .digest('base64url');
  }

  function sign(content: string, about: readonly string[]): string {
    return `${Buffer.from(content).toString('base64url')}.${signatureOf(content, about)}`;
  }

  /** @returns the content if the text is exactly what `sign` returns for this content and `about`; otherwise null */
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

/** Compares in constant time for texts of the same length. */
function isEqual(given: string, ours: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(ours)];
  return a.length === b.length && timingSafeEqual(a, b);
}
