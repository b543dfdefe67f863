import { signal } from '@preact/signals';

/** The address of the current page: `#/<page>?<parameters>`. */
export interface Address {
  page: string;
  params: URLSearchParams;
}

export const route = signal(read());

addEventListener('hashchange', () => {
  route.value = read();
});

/** Returns the link to a page. Parameters that are undefined or empty are left out. */
export function linkTo(page: string, params: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(params).filter((entry): entry is [string, string] => Boolean(entry[1]));
  const query = new URLSearchParams(given).toString();
  return `#/${page}${query === '' ? '' : `?${query}`}`;
}

/** Opens a page, as if the user had followed a link to it. */
export function open(page: string, params: Readonly<Record<string, string | undefined>> = {}): void {
  location.hash = linkTo(page, params);
}

function read(): Address {
  const [page = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { page, params: new URLSearchParams(query) };
}
