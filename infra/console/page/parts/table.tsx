import type { ComponentChildren } from 'preact';
import { Text } from './text.tsx';

export interface Column<Row> {
  head: ComponentChildren;
  /** A text may contain what a device chose. */
  cell: (row: Row) => ComponentChildren;
  /** `number` aligns right, `wide` takes the remaining width, `key` keeps short names in one line and breaks long ones. */
  kind?: 'number' | 'wide' | 'narrow' | 'key';
}

/** A table that scrolls on its own if it is wider than the screen. */
export function Table<Row>({
  label,
  columns,
  rows,
  keyOf,
  isMarked,
}: {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row, index: number) => string | number;
  isMarked?: (row: Row) => boolean;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: A region that scrolls must be reachable with the keyboard.
    <section class="scroll" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            {columns.map(({ head, kind }, index) => (
              <th key={index} scope="col" class={kind}>
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, at) => (
            <tr key={keyOf(row, at)} class={isMarked?.(row) ? 'marked' : undefined}>
              {columns.map(({ cell, kind }, index) => (
                <td key={index} class={kind}>
                  {show(cell(row), kind)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function show(content: ComponentChildren, kind: Column<unknown>['kind']): ComponentChildren {
  const shown = typeof content === 'string' ? <Text text={content} /> : content;
  return kind === 'key' ? <div class="fit">{shown}</div> : shown;
}
