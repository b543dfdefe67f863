import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { forgetSettings, loadSettings } from './settings.ts';

/** A developer's key of the service. It is kept only in the memory of this page. */
export interface DeveloperKey {
  accessKeyId: string;
  secretAccessKey: string;
}

const DEFAULT_KEY: DeveloperKey = { accessKeyId: 'local', secretAccessKey: 'local' };

let key: DeveloperKey | undefined;
const asking = signal<{ reason: string; answer: (key: DeveloperKey | null) => void } | null>(null);

/** The user did not enter a key. */
class NoKeyError extends Error {
  override name = 'NoKeyError';

  constructor() {
    super('This action needs a developer key.');
  }
}

/**
 * Returns the default key if the service accepts it, or the key that the user entered. Asks the user if there is no key.
 * @throws {NoKeyError} the user closed the dialog
 * @throws {ApiError}
 */
export async function developerKey(): Promise<DeveloperKey> {
  if (key !== undefined) return key;
  const { usesDefaultKey } = await loadSettings();
  key = usesDefaultKey ? DEFAULT_KEY : await ask('Changes need a developer key of the service.');
  return key;
}

/** Whether a key is known, so that `developerKey` does not ask. @throws {ApiError} */
export async function hasKey(): Promise<boolean> {
  return key !== undefined || (await loadSettings()).usesDefaultKey;
}

/**
 * Forgets a key that the service rejected, and the settings that said whether the service accepts the default key. The
 * next use asks for a key if the service does not accept the default key.
 * @returns whether the default key was rejected
 */
export function forgetKey(): boolean {
  const wasDefault = key === DEFAULT_KEY;
  key = undefined;
  forgetSettings();
  return wasDefault;
}

async function ask(reason: string): Promise<DeveloperKey> {
  const given = await new Promise<DeveloperKey | null>((answer) => {
    asking.value = { reason, answer };
  });
  asking.value = null;
  if (given === null) throw new NoKeyError();
  return given;
}

/** The dialog that asks for a developer key. */
export function KeyDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const question = asking.value;
  useEffect(() => {
    if (question !== null) dialog.current?.showModal();
  }, [question]);
  if (question === null) return null;
  return (
    <dialog ref={dialog} aria-labelledby="key-title" onClose={() => question.answer(null)}>
      <form
        autocomplete="off"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          question.answer({
            accessKeyId: String(fields.get('id')).trim(),
            secretAccessKey: String(fields.get('secret')).trim(),
          });
        }}
      >
        <h2 id="key-title">Developer key</h2>
        <p>
          {question.reason} The key is one of <code>SERVICE_KEYS</code>, or <code>AWS_ACCESS_KEY_ID</code> and{' '}
          <code>AWS_SECRET_ACCESS_KEY</code> of the server. It stays in the memory of this page until you
          close or reload the page.
        </p>
        <label>
          Access key id <input name="id" required autocomplete="off" spellcheck={false} />
        </label>
        <label>
          Secret access key <input name="secret" type="password" required autocomplete="off" />
        </label>
        <div class="actions">
          <button type="submit" class="primary">
            Use this key
          </button>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  );
}
