type Text = string | null;

/**
 * Finds a shortest text that two globs both match; null if there is no such text.
 *
 * Uses dynamic programming over the rest of each glob. A `*` either ends, or matches the next letter of the other glob.
 * If the next character of each glob is a `*`, neither `*` needs to match a letter. The text therefore contains only
 * letters of the globs.
 */
export function commonText(a: string, b: string): Text {
  /** For each position in `b`: the shortest common text of the rest of `b` and the rest of `a` after `i`. */
  let next: Text[] = [];
  for (let i = a.length; i >= 0; i -= 1) {
    const here: Text[] = [];
    for (let j = b.length; j >= 0; j -= 1) {
      here[j] = i === a.length && j === b.length ? '' : shortest(candidates(a[i], b[j], { here, next, j }));
    }
    next = here;
  }
  return next[0] ?? null;
}

interface Rest {
  here: readonly Text[];
  next: readonly Text[];
  j: number;
}

/**
 * Returns one candidate for each step that the two globs can take here: the shortest common text that starts with this
 * step, or null. `charA` and `charB` are the next characters of the globs; undefined means the end of a glob.
 */
function candidates(charA: string | undefined, charB: string | undefined, { here, next, j }: Rest): Text[] {
  const texts: Text[] = [];
  if (charA === '*') texts.push(next[j] ?? null);
  if (charB === '*') texts.push(here[j + 1] ?? null);
  if (charA === undefined || charB === undefined) return texts;
  if (charA === charB && charA !== '*') texts.push(prepend(charA, next[j + 1]));
  if (charA === '*' && charB !== '*') texts.push(prepend(charB, here[j + 1]));
  if (charA !== '*' && charB === '*') texts.push(prepend(charA, next[j]));
  return texts;
}

function prepend(letter: string, rest: Text | undefined): Text {
  return rest === null || rest === undefined ? null : letter + rest;
}

function shortest(texts: readonly Text[]): Text {
  return texts.reduce((best, text) => {
    if (text === null) return best;
    return best === null || text.length < best.length ? text : best;
  }, null);
}
