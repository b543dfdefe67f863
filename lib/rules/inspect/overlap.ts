type Text = string | null;

/**
 * A shortest text that two globs both match; null where there is none.
 *
 * By dynamic programming over what is left of each: a `*` ends, or takes the letter that the other glob asks for next. Two
 * `*` at once need take nothing, so the text has no letter but those of the globs.
 */
export function commonText(a: string, b: string): Text {
  /** What fits the rest of `a` behind this place, by the place in `b`. */
  let next: Text[] = [];
  for (let i = a.length; i >= 0; i -= 1) {
    const here: Text[] = [];
    for (let j = b.length; j >= 0; j -= 1) {
      here[j] = i === a.length && j === b.length ? '' : shortest(waysOn(a[i], b[j], { here, next, j }));
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

/** What comes of each step that the two globs can take here; undefined is the end of one. */
function waysOn(ofA: string | undefined, ofB: string | undefined, { here, next, j }: Rest): Text[] {
  const ways: Text[] = [];
  if (ofA === '*') ways.push(next[j] ?? null);
  if (ofB === '*') ways.push(here[j + 1] ?? null);
  if (ofA === undefined || ofB === undefined) return ways;
  if (ofA === ofB && ofA !== '*') ways.push(before(ofA, next[j + 1]));
  if (ofA === '*' && ofB !== '*') ways.push(before(ofB, here[j + 1]));
  if (ofA !== '*' && ofB === '*') ways.push(before(ofA, next[j]));
  return ways;
}

function before(letter: string, rest: Text | undefined): Text {
  return rest === null || rest === undefined ? null : letter + rest;
}

function shortest(texts: readonly Text[]): Text {
  return texts.reduce((best, text) => {
    if (text === null) return best;
    return best === null || text.length < best.length ? text : best;
  }, null);
}
