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

  function sign(content: string, about: readonly string[]): string {
    const mac = createHmac('sha256', secret).update(JSON.stringify([content, ...about]));
    return `${Buffer.from(content).toString('base64url')}.${mac.digest('base64url')}`;
  }

  /** @returns the content; null where the text is not, to the letter, what `sign` made of it for this */
  function open(text: string, about: readonly string[]): string | null {
    if (text.length > MAX_LENGTH) return null;
    const content = Buffer.from(text.split('.', 1)[0] ?? '', 'base64url').toString();
    const given = Buffer.from(text);
    const ours = Buffer.from(sign(content, about));
    return given.length === ours.length && timingSafeEqual(given, ours) ? content : null;
  }

  return { sign, open };
}
