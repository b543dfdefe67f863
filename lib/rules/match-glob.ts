/**
 * Makes a glob ready to be matched: `*` stands for any run of characters, also none; nothing else is special. A match
 * takes time in proportion to the text, whatever the glob: keys come from devices.
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
      // The leftmost place leaves most to the parts that follow.
      at = search(text, at, end);
      if (at === null) return false;
    }
    return true;
  };
}

/** @returns where in the text the part's first occurrence between `from` and `end` is over */
type Search = (text: string, from: number, end: number) => number | null;

/**
 * The longest part, in UTF-16 units, that the engine's own search looks for: a third of the other's time. It may go back in
 * the text by as much at each place, so for longer parts it is not certain to be linear. People rarely write longer ones.
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

/** By Knuth, Morris and Pratt: the text is never gone back in. */
function compileLongSearch(part: string): Search {
  /** For each length of a match that goes no further, the longest shorter one that ends at the same place. */
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
