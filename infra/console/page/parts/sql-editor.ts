import { PostgreSQL, type SQLNamespace, schemaCompletionSource, sql } from '@codemirror/lang-sql';
import { syntaxHighlighting } from '@codemirror/language';
import { classHighlighter } from '@lezer/highlight';
import type { Signal } from '@preact/signals';
import { basicSetup, EditorView } from 'codemirror';

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
 * @param text the text of the editor; a change of either changes the other
 * @param schema what the editor completes when the promise is fulfilled: views and their columns. Until then, it completes
 *   only keywords
 * @param onRun called for Ctrl+Enter and Cmd+Enter
 * @returns a function that closes the editor
 */
export function openSqlEditor(
  host: HTMLElement,
  { text, schema, onRun }: { text: Signal<string>; schema: Promise<SQLNamespace>; onRun: () => void },
): () => void {
  const source = schema.then((known) => schemaCompletionSource({ dialect: PostgreSQL, schema: known }));
  const complete: ReturnType<typeof schemaCompletionSource> = async (context) => (await source)(context);
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const view = new EditorView({
    root,
    parent: root,
    doc: text.peek(),
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
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (docChanged) text.value = state.doc.toString();
      }),
    ],
  });
  const unsubscribe = text.subscribe((insert) => {
    const { doc } = view.state;
    if (insert !== doc.toString()) view.dispatch({ changes: { from: 0, to: doc.length, insert } });
  });
  return () => {
    unsubscribe();
    view.destroy();
  };
}
