// Drivers write an array element by element, as if each could hold anything; for the columns of a batch that was a fifth
// of the whole time. Source of the form: PostgreSQL manual, "Array Input and Output Syntax".

/** A column of numbers or UUIDs as PostgreSQL's array literal: values that need no quotes. */
export function plainArray(values: readonly (string | number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/** A column of texts as PostgreSQL's array literal. */
export function textArray(values: readonly (string | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : quote(value))).join(',')}}`;
}

function quote(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
