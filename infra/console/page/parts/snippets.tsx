import { useState } from 'preact/hooks';
import { Preformatted } from './preformatted.tsx';

export interface Snippet {
  title: string;
  code: string;
}

/** Commands and code that do the same as the page, to copy. */
export function Snippets({ of: snippets }: { of: readonly Snippet[] }) {
  return (
    <details class="snippets">
      <summary>Do this from a terminal or from code</summary>
      {snippets.map(({ title, code }) => (
        <figure key={title}>
          <figcaption>
            <span>{title}</span>
            <Copy text={code} what={title} />
          </figcaption>
          <Preformatted text={code} />
        </figure>
      ))}
    </details>
  );
}

export function Copy({ text, what }: { text: string; what: string }) {
  const [isCopied, setCopied] = useState(false);
  return (
    <button
      type="button"
      class="small"
      aria-label={isCopied ? `Copied: ${what}` : `Copy: ${what}`}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 2_000);
        });
      }}
    >
      <span aria-live="polite">{isCopied ? 'Copied' : 'Copy'}</span>
    </button>
  );
}

/** Quotes a text for a POSIX shell. */
export function quoted(text: string): string {
  return /^[\w.:/=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export function curl(path: string): Snippet {
  return { title: 'curl', code: `curl -s ${quoted(location.origin + path)}` };
}

const SDK_CLIENT = (region: string) => `import { CognitoSync } from '@aws-sdk/client-cognito-sync';

// Uses the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
const sync = new CognitoSync({ endpoint: '${location.origin}', region: '${region}' });
`;

/** Code that calls an operation with AWS's SDK for JavaScript. */
export function sdk(operation: string, input: object, region = 'us-east-1'): Snippet {
  const call = `console.log(await sync.${operation}(${JSON.stringify(input, null, 2)}));`;
  return { title: 'AWS SDK for JavaScript', code: `${SDK_CLIENT(region)}${call}` };
}
