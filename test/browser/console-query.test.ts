import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { focused, SOON, useConsoleBrowser } from '../fixtures/console/console-browser.ts';
import { whyNoBrowser } from '../fixtures/wire/browser.ts';

const missing = whyNoBrowser();
if (missing) console.log(`skipped: the page Query in a browser (${missing})`);

describe.skipIf(missing)('the page Query', () => {
  const { open } = useConsoleBrowser(2);

  async function type(page: Page, sql: string): Promise<void> {
    await page.getByRole('textbox', { name: 'SQL' }).click(SOON);
    await page.keyboard.press('Control+A');
    await page.keyboard.insertText(sql);
  }

  /** Runs a statement, and waits for its result, which must have the text. */
  async function run(page: Page, sql: string, result: string): Promise<void> {
    await type(page, sql);
    await page.keyboard.press('Control+Enter');
    await page.getByText(result).first().waitFor(SOON);
  }

  it('says that a chart needs a column of numbers, also if the same column contained numbers before', async () => {
    const page = await open('query');
    await run(page, "select 'a' as name, 5 as value union all select 'b', 10", '2 rows');
    await page.getByRole('button', { name: 'Show a chart' }).click();
    const bars = page.getByRole('list', { name: 'value by name' }).getByRole('listitem');
    expect(await bars.allInnerTexts()).toEqual(['a\n5', 'b\n10']);
    await run(page, "select 'a' as name, 'five' as value", 'No column contains numbers.');
    expect(await page.getByText('NaN').count()).toBe(0);
    await run(page, "select '7' as name, 'x' as value", '1 row in');
    await page.getByRole('list', { name: 'name by value' }).getByText('7').waitFor(SOON);
  });

  it('draws null, NaN, Infinity and numbers of 400 digits', async () => {
    const page = await open('query');
    const values =
      "('a', null), ('b', 'NaN'), ('c', 'Infinity'), ('d', (10::numeric ^ 400)::text), ('e', '5')";
    await run(page, `select * from (values ${values}) as given(name, value)`, '5 rows');
    await page.getByRole('button', { name: 'Show a chart' }).click();
    const list = page.getByRole('list', { name: 'value by name' });
    await list.waitFor(SOON);
    const widths = await list
      .locator('li')
      .evaluateAll((items) => items.map((item) => Math.round(item.querySelector('.bar')?.clientWidth ?? -1)));
    expect(widths.map((width) => (width > 1 ? 'long' : width))).toEqual([-1, -1, 'long', 'long', 'long']);
    expect(await list.locator('.number').allInnerTexts()).toEqual([
      '(null)',
      'NaN',
      'Infinity',
      expect.stringMatching(/^10{400}(?:\.0+)?$/),
      '5',
    ]);
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  });

  it('keeps the text that was not run when the page is left or reloaded, in this tab only', async () => {
    const page = await open('query');
    await type(page, 'select 6 * 7 as draft');
    await page.getByRole('link', { name: 'Data', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Data' }).waitFor(SOON);
    await page.getByRole('link', { name: 'Query', exact: true }).click();
    const text = page.locator('.cm-content').getByText('select 6 * 7 as draft');
    await text.waitFor(SOON);
    await page.reload();
    await text.waitFor(SOON);
    expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain('draft');
    const other = await page.context().newPage();
    await other.goto(page.url());
    await other.locator('.cm-content').getByText('select dataset_name').waitFor(SOON);
    expect(await other.locator('.cm-content').getByText('draft').count()).toBe(0);
  });

  it('keeps the focus on the button that runs the statement', async () => {
    const page = await open('query');
    await type(page, 'select pg_sleep(0.3)');
    const button = page.getByRole('button', { name: /^Run/ });
    await button.focus();
    await page.keyboard.press('Enter');
    await page.getByText('1 row in').waitFor(SOON);
    expect(await focused(page)).toBe('Run');
  });
});
