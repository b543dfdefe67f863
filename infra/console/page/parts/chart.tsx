import { useState } from 'preact/hooks';
import type { SqlTable } from '../model.ts';

const MAX_BARS = 50;

/** A bar chart of one numeric column of a result, with the rows named by another column. */
export function Chart({ result: { columns, rows } }: { result: SqlTable }) {
  const numeric = columns.flatMap((_, index) =>
    rows.some((row) => row[index] !== null) &&
    rows.every((row) => row[index] === null || isNumber(row[index]))
      ? [index]
      : [],
  );
  const [value, setValue] = useState(numeric.at(-1) ?? -1);
  const [name, setName] = useState(
    Math.max(
      0,
      columns.findIndex((_, index) => index !== value),
    ),
  );
  if (value < 0) return <p class="quiet">A chart needs a column of numbers, for example count(*).</p>;
  const bars = rows
    .slice(0, MAX_BARS)
    .map((row) => ({ name: row[name] ?? '(null)', value: Number(row[value] ?? 0) }));
  const largest = Math.max(...bars.map((bar) => Math.abs(bar.value)), Number.MIN_VALUE);
  return (
    <>
      <div class="controls">
        <ColumnChoice label="Value" columns={columns} among={numeric} chosen={value} onChoose={setValue} />
        <ColumnChoice
          label="Name"
          columns={columns}
          among={columns.map((_, index) => index)}
          chosen={name}
          onChoose={setName}
        />
      </div>
      <ol class="chart" aria-label={`${columns[value]?.name} by ${columns[name]?.name}`}>
        {bars.map((bar, index) => (
          <li key={index}>
            <span class="name" title={bar.name}>
              {bar.name}
            </span>
            <span class="track">
              <span class="bar" style={{ width: `${(Math.abs(bar.value) / largest) * 100}%` }} />
            </span>
            <span class="number">{bar.value}</span>
          </li>
        ))}
      </ol>
      {rows.length > MAX_BARS && <p class="quiet">The chart shows the first {MAX_BARS} rows.</p>}
    </>
  );
}

function isNumber(text: string | null | undefined): boolean {
  return text !== null && text !== undefined && text.trim() !== '' && Number.isFinite(Number(text));
}

function ColumnChoice({
  label,
  columns,
  among,
  chosen,
  onChoose,
}: {
  label: string;
  columns: SqlTable['columns'];
  among: readonly number[];
  chosen: number;
  onChoose: (index: number) => void;
}) {
  return (
    <label>
      {label}
      <select value={chosen} onChange={({ currentTarget }) => onChoose(Number(currentTarget.value))}>
        {among.map((index) => (
          <option key={index} value={index}>
            {columns[index]?.name}
          </option>
        ))}
      </select>
    </label>
  );
}
