import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGES = globSync(['*.md', 'docs/**/*.md'], { cwd: ROOT }).sort();

const read = (page: string) => readFileSync(join(ROOT, page), 'utf8');
const withoutBlocks = (page: string) => read(page).replace(/^```.*?^```$/gms, '');

/** `#the-anchor` of each heading, as GitHub makes it. */
function anchorsOf(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .trim()
      .replaceAll(' ', '-'),
  );
}

/** Links to other files and to headings that do not lead there. */
function brokenLinks(page: string): string[] {
  return [...withoutBlocks(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
    if (/^\w+:/.test(link)) return [];
    const [path = '', anchor] = link.split('#');
    const target = path === '' ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, target))) return [link];
    return anchor === undefined || anchorsOf(target).includes(anchor) ? [] : [link];
  });
}

/** Paths in backticks that name no file; those with a placeholder, such as `<name>`, are skipped. */
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
