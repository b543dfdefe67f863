import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LocalCloud } from '../../infra/local/start-local-cloud.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COLUMNS = 104;
const LINE_PX = 19;
const CHAR_PX = 7.8;
/** A reader needs this long for a line. The demo itself takes milliseconds. */
const READING_MS = 450;

interface Line {
  text: string;
  /** Milliseconds from the start of the recording. */
  at: number;
}

/** Runs `npm run demo` on a cloud, and returns a recording of its output as an animated SVG. */
export async function recordDemo({ url, sqlUrl }: Pick<LocalCloud, 'url' | 'sqlUrl'>): Promise<string> {
  const env = { ...process.env, AWS_ENDPOINT_URL: url, PG_PORT: new URL(sqlUrl).port };
  const demo = spawn('npm', ['run', '--silent', 'demo'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => demo.once('exit', resolve));
  const lines: Line[] = [{ text: '$ npm run demo', at: 0 }];
  for await (const text of createInterface({ input: demo.stdout })) {
    for (const part of wrap(text)) lines.push({ text: part, at: lines.length * READING_MS });
  }
  const exitCode = await exited;
  if (exitCode !== 0) throw new Error(`npm run demo exited with ${exitCode}`);
  return toSvg(lines);
}

function wrap(text: string): string[] {
  const parts: string[] = [];
  for (let rest = text; ; ) {
    if (rest.length <= COLUMNS) return [...parts, rest];
    const at = rest.lastIndexOf(' ', COLUMNS);
    parts.push(rest.slice(0, at));
    rest = `     ${rest.slice(at + 1)}`;
  }
}

function toSvg(lines: readonly Line[]): string {
  const width = Math.ceil(COLUMNS * CHAR_PX + 40);
  const height = lines.length * LINE_PX + 62;
  const texts = lines.map(({ text, at }, index) => {
    const y = 58 + index * LINE_PX;
    const kind = /^\d\. |^\$ /.test(text)
      ? 'step'
      : /^ +SQL:/.test(text)
        ? 'sql'
        : /^ +409 /.test(text)
          ? 'refused'
          : 'plain';
    return `<text x="20" y="${y}" class="line ${kind}" style="animation-delay:${at}ms" xml:space="preserve">${escapeXml(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" role="img" aria-label="The output of npm run demo">
<style>
text { font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; fill: #c9cdd3 }
.step { fill: #ffffff; font-weight: 600 }
.sql { fill: #4fc9b8 }
.refused { fill: #ff8f85 }
@media (prefers-reduced-motion: no-preference) {
  .line { opacity: 0; animation: appear 1ms forwards }
  @keyframes appear { to { opacity: 1 } }
}
</style>
<rect width="${width}" height="${height}" rx="10" fill="#16181b"/>
<circle cx="22" cy="20" r="6" fill="#ff5f57"/><circle cx="42" cy="20" r="6" fill="#febc2e"/><circle cx="62" cy="20" r="6" fill="#28c840"/>
${texts.join('\n')}
</svg>
`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
