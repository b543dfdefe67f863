import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
/** Lengths in bytes. Source: NIST SP 800-38D, sections 5.2.1 and 8.2. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts the id of an identity that was merged into another identity (the target). The key is derived from the
 * target's id, which is random. Once the target is deleted, the tables contain only a hash of its id. Then only a
 * caller that knows the target's id can decrypt the sealed id.
 */
export function sealId(identityId: string, mergedInto: string): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, keyOf(mergedInto), nonce);
  const sealed = Buffer.concat([cipher.update(identityId, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/**
 * Decrypts the result of `sealId`.
 * @throws {Error} the id was sealed for another identity, or was altered
 */
export function unsealId(sealedId: string, mergedInto: string): string {
  const bytes = Buffer.from(sealedId, 'base64url');
  const decipher = createDecipheriv(CIPHER, keyOf(mergedInto), bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const text = decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([text, decipher.final()]).toString('utf8');
}

/**
 * Derives the key with HKDF. A plain SHA-256 is not suitable, because half of the id's SHA-256 is stored as its hash.
 */
function keyOf(identityId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', identityId, '', 'merged identity', 32));
}
