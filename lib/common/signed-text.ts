import { createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

// Maximum length of a text that `open` accepts. Any text that this service signs is shorter. The limit prevents callers
// from making this service hash long texts.
const MAX_LENGTH = 2_048;

/** The smallest key: as long as an HMAC-SHA-256. Source: RFC 2104, section 3. */
export const MIN_KEY_BYTES = 32;

/** Keys for HMAC-SHA-256, each at least `MIN_KEY_BYTES` long. The first key signs; texts of every key are accepted. */
export type SigningKeys = readonly [Buffer, ...Buffer[]];

/** A text that was signed with one of the keys. */
interface OpenedText {
  content: string;
  /** Signs with the key that signed the text, which is not always the first key. */
  signatureOf: (content: string, about: readonly string[]) => string;
}

/**
 * Creates a signer for texts of the form `<content>.<HMAC-SHA-256>`, with both parts in base64url. Only a holder of a
 * key can create such a text. The signature also covers a purpose and the subject of the text (`about`), which are not
 * part of the text.
 */
export function createSigner([firstKey, ...otherKeys]: SigningKeys) {
  const first = createKeySigner(firstKey);
  // A text of the first key costs one signature. The other keys are tried only for the remaining texts.
  const signers = [first, ...otherKeys.map(createKeySigner)];

  /** @returns the content if the text is exactly what `sign` returns for this content and `about`; otherwise null */
  function openText(text: string, about: readonly string[]): OpenedText | null {
    if (text.length > MAX_LENGTH) return null;
    const content = Buffer.from(text.split('.', 1)[0] ?? '', 'base64url').toString();
    const signer = signers.find(({ sign }) => isEqual(text, sign(content, about)));
    return signer === undefined ? null : { content, signatureOf: signer.signatureOf };
  }

  return {
    ...first,
    openText,
    /** @returns the content of the text, as `openText` does, or null */
    open: (text: string, about: readonly string[]) => openText(text, about)?.content ?? null,
    isSignatureOf: (signature: string, content: string, about: readonly string[]) =>
      signers.some(({ signatureOf }) => isEqual(signature, signatureOf(content, about))),
  };
}

function createKeySigner(key: Buffer) {
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

  return { sign, signatureOf };
}

/** Compares in constant time for texts of the same length. */
function isEqual(given: string, ours: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(ours)];
  return a.length === b.length && timingSafeEqual(a, b);
}
