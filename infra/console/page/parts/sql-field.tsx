import type { Signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import { getJson } from '../api.ts';
import { isConnected } from '../connection.ts';
import { Note } from './states.tsx';

/**
 * A field for SQL: the editor, or a plain text field if the editor cannot be loaded. The editor is loaded on use, so it
 * cannot be loaded while the server is stopped.
 *
 * @param text the text in the field
 * @param readSchema reads what the editor completes: views and their columns
 * @param onRun called for Ctrl+Enter and Cmd+Enter
 */
export function SqlField({
  text,
  readSchema,
  onRun,
}: {
  text: Signal<string>;
  readSchema: () => Promise<Record<string, string[]>>;
  onRun: () => void;
}) {
  const host = useRef<HTMLDivElement>(null);
  const [attempt, setAttempt] = useState(1);
  const [failure, setFailure] = useState<string | null>(null);
  const latestRun = useRef(onRun);
  latestRun.current = onRun;
  const loadAgain = () => setAttempt((count) => count + 1);

  useEffect(() => {
    let close = () => {};
    let isClosed = false;
    async function open(): Promise<void> {
      // Chromium repeats the failure of an import until the page is reloaded. So check first that the server answers.
      await getJson('/console/settings');
      const { openSqlEditor } = await import('./sql-editor.ts');
      if (isClosed || host.current === null) return;
      close = openSqlEditor(host.current, { text, schema: readSchema(), onRun: () => latestRun.current() });
      setFailure(null);
    }
    open().catch((error: unknown) => {
      if (!isClosed) setFailure(error instanceof Error ? error.message : String(error));
    });
    return () => {
      isClosed = true;
      close();
    };
  }, [attempt]);

  const isOnline = isConnected.value;
  useEffect(() => {
    if (isOnline && failure !== null) loadAgain();
  }, [isOnline]);

  return (
    <>
      <div ref={host} class="editor" hidden={failure !== null} />
      {failure !== null && (
        <>
          <Note kind="warn">
            <p>
              The SQL editor is not loaded: {failure} Use this text field, or load the editor again. If that
              fails although the server answers, reload the page.
            </p>
            <button type="button" onClick={loadAgain}>
              Load again
            </button>
          </Note>
          <textarea
            aria-label="SQL"
            rows={8}
            value={text.value}
            spellcheck={false}
            onInput={({ currentTarget }) => {
              text.value = currentTarget.value;
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              onRun();
            }}
          />
        </>
      )}
    </>
  );
}
