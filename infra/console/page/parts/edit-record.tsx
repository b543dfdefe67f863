import { useEffect, useRef, useState } from 'preact/hooks';
import { formatJson } from '../../../../lib/common/format-json.ts';
import { ApiError } from '../api.ts';
import { lineEndsOf, restoreLineEnds } from '../line-ends.ts';
import type { DatasetId } from '../model.ts';
import { listRecords, type ServerRecord, writeRecord } from '../sync-api.ts';
import { Preformatted } from './preformatted.tsx';
import { InvisibleNote, Note } from './states.tsx';
import { Text } from './text.tsx';
import { Id } from './value.tsx';

/** The version of a record that the user edits. */
export interface Edited {
  /** Null for a new record, whose key the user enters. */
  key: string | null;
  value: string;
  syncCount: number;
  isRemoval: boolean;
}

interface Conflict {
  /** The server's version. Undefined if the server has no such record. */
  server: ServerRecord | undefined;
}

/**
 * Edits or removes a record through the Sync API. If the record has changed since the user saw it, shows both versions.
 */
export function EditRecord({
  dataset,
  edited,
  onClose,
  onWritten,
}: {
  dataset: DatasetId;
  edited: Edited;
  onClose: () => void;
  onWritten: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [key, setKey] = useState(edited.key ?? '');
  const [text, setText] = useState(edited.value);
  const [syncCount, setSyncCount] = useState(edited.syncCount);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const { isRemoval } = edited;
  useEffect(() => dialog.current?.showModal(), []);

  async function save(count: number): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      const value = isRemoval ? null : restoreLineEnds(text, edited.value);
      await writeRecord(dataset, { key, value, syncCount: count });
      onWritten();
      dialog.current?.close();
    } catch (failure) {
      if (failure instanceof ApiError && failure.code === 'ResourceConflictException') await showConflict();
      else setError(failure instanceof Error ? failure.message : String(failure));
    } finally {
      setBusy(false);
    }
  }

  async function showConflict(): Promise<void> {
    const { Records = [] } = await listRecords(dataset);
    const server = Records.find(({ Key }) => Key === key);
    setSyncCount(server?.SyncCount ?? 0);
    setConflict({ server });
  }

  const serverValue = conflict?.server?.Value ?? null;
  const isAlreadyRemoved = isRemoval && conflict !== null && serverValue === null;
  return (
    <dialog
      ref={dialog}
      aria-labelledby="edit-title"
      aria-describedby="edit-target"
      class="wide"
      onClose={onClose}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (!isBusy) void save(syncCount);
        }}
      >
        <h2 id="edit-title">
          {edited.key === null ? (
            'Add a record'
          ) : (
            <>
              {isRemoval ? 'Remove' : 'Edit'} <Text text={edited.key} />
            </>
          )}
        </h2>
        <p id="edit-target">
          Identity <Id id={dataset.identityId} />, dataset{' '}
          <code>
            <Text text={dataset.datasetName} />
          </code>
        </p>
        {edited.key === null && (
          <label>
            Key{' '}
            <input
              value={key}
              required
              maxLength={1024}
              spellcheck={false}
              onInput={({ currentTarget }) => setKey(currentTarget.value)}
            />
          </label>
        )}
        {conflict !== null && (
          <Note kind="warn">
            <strong>Conflict.</strong> Another device {serverValue === null ? 'removed' : 'changed'} this
            record after you opened it. Your change was not stored.
          </Note>
        )}
        <div class={conflict === null ? '' : 'versions'}>
          {conflict !== null && (
            <div>
              <h3>The server has {conflict.server ? `(sync count ${conflict.server.SyncCount})` : ''}</h3>
              <Preformatted text={serverValue === null ? '(removed)' : formatJson(serverValue)} />
            </div>
          )}
          {isRemoval ? (
            conflict === null && <p>Devices remove the record at their next sync.</p>
          ) : (
            <label>
              {conflict === null ? 'Value' : 'You typed'}
              <textarea
                rows={10}
                value={text}
                spellcheck={false}
                onInput={({ currentTarget }) => setText(currentTarget.value)}
              />
            </label>
          )}
        </div>
        {!isRemoval && formatJson(text) !== text && (
          <button type="button" class="small" onClick={() => setText(formatJson(text))}>
            Format JSON
          </button>
        )}
        {!isRemoval && lineEndsOf(edited.value).length > 1 && (
          <Note kind="warn">
            The lines of this value end differently (CRLF, CR, LF). If you change the value, all lines end
            with LF.
          </Note>
        )}
        {!isRemoval && <InvisibleNote text={text} />}
        {error !== null && <Note kind="bad">{error}</Note>}
        <p class="quiet">Written with the developer key, so the sync trigger and its rules do not run.</p>
        <div class="actions">
          {!isAlreadyRemoved && (
            <button type="submit" class={isRemoval ? 'primary danger' : 'primary'} aria-disabled={isBusy}>
              {conflict === null
                ? isRemoval
                  ? 'Remove'
                  : 'Save'
                : isRemoval
                  ? 'Remove anyway'
                  : 'Write mine'}
            </button>
          )}
          <button type="button" onClick={() => dialog.current?.close()}>
            {conflict === null ? 'Cancel' : "Keep the server's"}
          </button>
        </div>
      </form>
    </dialog>
  );
}
