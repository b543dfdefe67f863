import { PostgreSQL, type SQLNamespace, schemaCompletionSource, sql } from '@codemirror/lang-sql';
import { syntaxHighlighting } from '@codemirror/language';
import { classHighlighter } from '@lezer/highlight';
import { basicSetup, EditorView } from 'codemirror';

export interface SqlEditor {
  read(): string;
  write(text: string): void;
  close(): void;
}

const STYLE = EditorView.theme({
  '&': { color: 'var(--text)', backgroundColor: 'var(--surface)', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', minHeight: '7.5em', maxHeight: '40vh', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--text)' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': {
    backgroundColor: 'var(--surface)',
    color: 'var(--quiet)',
    borderRight: '1px solid var(--line)',
  },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'transparent' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--marked)',
  },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--text)', border: '1px solid var(--line)' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    backgroundColor: 'var(--accent)',
    color: 'var(--on-accent)',
  },
  '.tok-keyword, .tok-operatorKeyword': { color: 'var(--accent)', fontWeight: '600' },
  '.tok-string, .tok-string2': { color: 'var(--string)' },
  '.tok-number, .tok-bool, .tok-null': { color: 'var(--number)' },
  '.tok-comment': { color: 'var(--quiet)', fontStyle: 'italic' },
});

/**
 * Opens an SQL editor in a shadow root. There, the editor adds its style as a constructed style sheet, which the page's
 * Content-Security-Policy accepts. In the document, the editor would add an inline style.
 *
 * @param schema what the editor completes when the promise is fulfilled: views and their columns. Until then, it completes
 *   only keywords
 * @param onRun called for Ctrl+Enter and Cmd+Enter
 */
export function openSqlEditor(
  host: HTMLElement,
  { text, schema, onRun }: { text: string; schema: Promise<SQLNamespace>; onRun: () => void },
): SqlEditor {
  const source = schema.then((known) => schemaCompletionSource({ dialect: PostgreSQL, schema: known }));
  const complete: ReturnType<typeof schemaCompletionSource> = async (context) => (await source)(context);
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const view = new EditorView({
    root,
    parent: root,
    doc: text,
    extensions: [
      EditorView.domEventHandlers({
        keydown(event) {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return false;
          event.preventDefault();
          onRun();
          return true;
        },
      }),
      basicSetup,
      sql({ dialect: PostgreSQL }),
      PostgreSQL.language.data.of({ autocomplete: complete }),
      syntaxHighlighting(classHighlighter),
      EditorView.lineWrapping,
      EditorView.contentAttributes.of({ 'aria-label': 'SQL' }),
      STYLE,
    ],
  });
  return {
    read: () => view.state.doc.toString(),
    write: (replacement) =>
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: replacement } }),
    close: () => view.destroy(),
  };
}
