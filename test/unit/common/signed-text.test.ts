import { describe, expect, it } from 'vitest';
import { createSigner } from '../../../lib/common/signed-text.ts';

const [OLD, NEW, OTHER] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];
const ABOUT = ['purpose', 'subject'];

describe('a signer with several keys', () => {
  const before = createSigner([OLD]);
  const added = createSigner([OLD, NEW]);
  const promoted = createSigner([NEW, OLD]);
  const after = createSigner([NEW]);

  it('signs with the first key', () => {
    expect(added.sign('text', ABOUT)).toBe(before.sign('text', ABOUT));
    expect(promoted.sign('text', ABOUT)).toBe(after.sign('text', ABOUT));
    expect(promoted.signatureOf('text', ABOUT)).toBe(after.signatureOf('text', ABOUT));
    expect(before.sign('text', ABOUT)).not.toBe(after.sign('text', ABOUT));
  });

  it('accepts texts that were signed with any of its keys, and rejects texts that were signed with another key', () => {
    for (const signer of [before, after]) {
      const text = signer.sign('text', ABOUT);
      const signature = signer.signatureOf('text', ABOUT);
      for (const opener of [added, promoted]) {
        expect(opener.open(text, ABOUT)).toBe('text');
        expect(opener.open(text, ['purpose', 'other'])).toBeNull();
        expect(opener.isSignatureOf(signature, 'text', ABOUT)).toBe(true);
        expect(opener.isSignatureOf(signature, 'other', ABOUT)).toBe(false);
      }
      const other = createSigner([OTHER]);
      expect(other.open(text, ABOUT)).toBeNull();
      expect(other.isSignatureOf(signature, 'text', ABOUT)).toBe(false);
    }
  });

  it('rejects texts of a removed key', () => {
    expect(after.open(before.sign('text', ABOUT), ABOUT)).toBeNull();
    expect(after.isSignatureOf(before.signatureOf('text', ABOUT), 'text', ABOUT)).toBe(false);
  });

  it('signs further texts with the key of the opened text', () => {
    const opened = promoted.openText(before.sign('text', ABOUT), ABOUT);
    expect(opened?.content).toBe('text');
    expect(opened?.signatureOf('more', ABOUT)).toBe(before.signatureOf('more', ABOUT));
  });

  it('does not open long texts', () => {
    expect(promoted.open(promoted.sign('x'.repeat(1_000), ABOUT), ABOUT)).toHaveLength(1_000);
    expect(promoted.open(promoted.sign('x'.repeat(2_000), ABOUT), ABOUT)).toBeNull();
  });
});
