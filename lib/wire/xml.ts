/** What stands in an element: text, or elements by name, in their order. */
export type XmlContent = string | { readonly [name: string]: XmlContent };

/** An XML document without declaration, as the query protocol of AWS has them. */
export function xmlDocument(name: string, namespace: string, content: XmlContent): string {
  return `<${name} xmlns="${escapeText(namespace)}">${inner(content)}</${name}>`;
}

function inner(content: XmlContent): string {
  if (typeof content === 'string') return escapeText(content);
  return Object.entries(content)
    .map(([name, value]) => `<${name}>${inner(value)}</${name}>`)
    .join('');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
  // A parser takes it for a line feed where it is not escaped.
  '\r': '&#xD;',
};

/** What XML 1.0 has no way to write, not even escaped, becomes U+FFFD. */
function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\x20-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"'\r]/g, (char) => ESCAPES[char] ?? char);
}
