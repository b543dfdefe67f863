import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { isConnected } from './connection.ts';
import { linkTo, route } from './router.ts';
import { chooseTheme, type Theme, theme } from './theme.ts';

/** A page of the console. Its name is the first part of its address, after `#/`. */
export interface ConsolePage {
  name: string;
  title: string;
  /** What the user can do on the page, in one sentence. */
  purpose: string;
  content: ComponentType;
}

/**
 * Pages that read the choice from their address. They keep their lists, what the user typed, and the focus when the
 * choice changes. The other pages start again.
 */
const BROWSERS: readonly string[] = ['data', 'push', 'rules'];
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

/** The frame of every page: navigation, theme, state of the connection, and the page itself. */
export function Shell({ pages, page }: { pages: readonly ConsolePage[]; page: ConsolePage }) {
  const [isMenuOpen, setMenuOpen] = useState(false);
  const heading = useRef<HTMLHeadingElement>(null);
  const main = useRef<HTMLElement>(null);
  const shown = useRef(page.name);
  useEffect(() => {
    document.title = `${page.title} – cognito-sync-backend`;
    setMenuOpen(false);
    // Screen readers read the heading of the new page. When the console opens, the focus stays at the start of the
    // page.
    if (shown.current !== page.name) heading.current?.focus();
    shown.current = page.name;
  }, [page]);
  const Content = page.content;
  return (
    <div class="shell">
      <header>
        <button type="button" class="skip" onClick={() => main.current?.focus()}>
          Skip to the content
        </button>
        <a class="brand" href={linkTo('overview')} aria-label="cognito-sync-backend">
          <img src="/console/icon.svg" alt="" width="22" height="22" />
          <span>cognito-sync-backend</span>
        </a>
        <button
          type="button"
          class="menu"
          aria-expanded={isMenuOpen}
          aria-controls="pages"
          onClick={() => setMenuOpen(!isMenuOpen)}
        >
          {page.title} ▾
        </button>
        <nav id="pages" aria-label="Pages" class={isMenuOpen ? 'open' : ''}>
          {pages.map(({ name, title }) => (
            <a key={name} href={linkTo(name)} aria-current={name === page.name ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <div class="foot">
          <span class={isConnected.value ? 'state good' : 'state bad'}>
            {isConnected.value ? 'Connected' : 'Not connected'}
          </span>
          <label>
            <span class="hidden">Theme</span>
            <select
              aria-label="Theme"
              value={theme.value}
              onChange={({ currentTarget }) =>
                chooseTheme(THEMES.find((each) => each === currentTarget.value) ?? 'system')
              }
            >
              {THEMES.map((each) => (
                <option key={each} value={each}>
                  {each === 'system' ? 'System theme' : each === 'light' ? 'Light' : 'Dark'}
                </option>
              ))}
            </select>
          </label>
        </div>
      </header>
      <main ref={main} tabIndex={-1}>
        {!isConnected.value && (
          <div class="note bad" role="alert">
            <strong>The server does not answer.</strong> Start it with{' '}
            <code>npx cognito-sync-backend start</code>. This page keeps what it shows, and reconnects when
            the server answers.
          </div>
        )}
        <div class="title">
          <h1 ref={heading} tabIndex={-1}>
            {page.title}
          </h1>
          <p>{page.purpose}</p>
        </div>
        <Content key={BROWSERS.includes(page.name) ? page.name : `${page.name}?${route.value.params}`} />
      </main>
    </div>
  );
}
