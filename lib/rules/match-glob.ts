/**
 * Compiles a glob: `*` matches any run of characters, including none; no other character is special. For any glob, the
 * time to match a text is linear in the length of the text. Otherwise a device could send keys that take very long to
 * match.
 */
export function compileGlob(glob: string): (text: string) => boolean {
  const [first = '', ...others] = glob.split('*');
  const last = others.pop();
  if (last === undefined) return (text) => text === glob;
  const searches = others.filter((part) => part !== '').map(compileSearch);
  return (text) => {
    const end = text.length - last.length;
    if (end < first.length || !text.startsWith(first) || !text.endsWith(last)) return false;
    let at: number | null = first.length;
    for (const search of searches) {
      // The leftmost match leaves the most text for the parts that follow.
      at = search(text, at, end);
      if (at === null) return false;
    }
    return true;
  };
}

/** Finds the part's first occurrence between `from` and `end`. @returns where it ends, or null */
type Search = (text: string, from: number, end: number) => number | null;

/**
 * Maximum length, in UTF-16 units, of a part that is searched with the engine's own `indexOf`. `indexOf` takes a third
 * of the time of the Knuth-Morris-Pratt search below. However, at each position of the text, `indexOf` may compare up
 * to the entire part again. For long parts, its time may therefore not be linear in the length of the text. People
 * rarely write parts longer than this limit.
 */
const MAX_SHORT_PART = 16;

function compileSearch(part: string): Search {
  return part.length > MAX_SHORT_PART
    ? compileLongSearch(part)
    : (text, from, end) => {
        const at = text.indexOf(part, from);
        return at < 0 || at + part.length > end ? null : at + part.length;
      };
}

/** Searches with the Knuth-Morris-Pratt algorithm, which never goes back in the text. */
function compileLongSearch(part: string): Search {
  /**
   * For each length of a match, the length of the longest shorter match that ends at the same position. If the longer
   * match cannot continue, the search continues with the shorter match.
   */
  const shorter = [0];
  const advance = (matched: number, unit: number) => {
    let length = matched;
    while (length > 0 && part.charCodeAt(length) !== unit) length = shorter[length - 1] ?? 0;
    return part.charCodeAt(length) === unit ? length + 1 : length;
  };
  for (let at = 1; at < part.length; at += 1) {
    shorter.push(advance(shorter[at - 1] ?? 0, part.charCodeAt(at)));
  }
  return (text, from, end) => {
    let matched = 0;
    for (let at = from; at < end; at += 1) {
      matched = advance(matched, text.charCodeAt(at));
      if (matched === part.length) return at + 1;
    }
    return null;
  };
}
