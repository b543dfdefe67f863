/** The content of an element: text, or child elements by name, in order. */
export type XmlContent = string | { readonly [name: string]: XmlContent };

/** Builds an XML document without a declaration, as in AWS's query protocol. */
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
  // A parser reads an unescaped carriage return as a line feed.
  '\r': '&#xD;',
};

/** Escapes text. Replaces characters that XML 1.0 cannot represent, even escaped, with U+FFFD. */
function escapeText(text: string): string {
  return text
    .toWellFormed()
    .replace(/[^\t\n\r\x20-\uFFFD\u{10000}-\u{10FFFF}]/gu, '\uFFFD')
    .replace(/[&<>"'\r]/g, (char) => ESCAPES[char] ?? char);
}
