import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort();

const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutBlocks = (page: string) => read(page).replace(/^```.*?^```$/gms, '');

/** Returns the anchor of each heading, such as `the-anchor`, as GitHub generates it. */
function anchorsOf(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** Returns the links whose file or heading does not exist. */
function brokenLinks(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^\w+:/.test(link)) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, target))) return [link];
    return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [link];
  });
}

/** Returns paths in backticks that match no file. Skips paths with a placeholder: `<name>` or `NNNN`. */
function missingFiles(page: string): string[] {
  const paths = [...withoutBlocks(page).matchAll(/`((?:functions|lib|infra|test|docs)\/[\w./*-]*)`/g)];
  return paths.flatMap(([, path = '']) =>
    path.includes('NNNN') || globSync(path, { cwd: ROOT }).length > 0 ? [] : [path],
  );
}

describe.each(PAGES)('%s', (page) => {
  it('links to pages and headings that exist', () => {
    expect(brokenLinks(page)).toEqual([]);
  });

  it('names files that exist', () => {
    expect(missingFiles(page)).toEqual([]);
  });
});
