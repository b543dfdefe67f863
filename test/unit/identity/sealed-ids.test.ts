import { describe, expect, it } from 'vitest';
import { sealId, unsealId } from '../../../lib/identity/store/sealed-ids.ts';

const MERGED = 'us-east-1:aaaaaaaa-0000-4000-8000-000000000001';
const ROOT = 'us-east-1:bbbbbbbb-0000-4000-8000-000000000002';

describe('a sealed identity id', () => {
  it('can be read with the id of the identity into which the identity was merged', () => {
    expect(unsealId(sealId(MERGED, ROOT), ROOT)).toBe(MERGED);
  });

  it('cannot be read with another id, or if it was altered', () => {
    const sealed = sealId(MERGED, ROOT);
    expect(() => unsealId(sealed, MERGED)).toThrow();
    expect(() => unsealId(`${sealed.slice(0, -4)}AAAA`, ROOT)).toThrow();
    expect(() => unsealId('', ROOT)).toThrow();
  });

  it('contains no part of the id, and differs each time', () => {
    const sealed = sealId(MERGED, ROOT);
    const bytes = Buffer.from(sealed, 'base64url').toString('latin1');
    for (const part of ['us-east', 'aaaaaaaa', MERGED]) expect(sealed + bytes).not.toContain(part);
    expect(sealId(MERGED, ROOT)).not.toBe(sealed);
  });
});
