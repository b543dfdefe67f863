// What serverless.yml reads: the framework loads no TypeScript by itself, and an older Node none at all, which it says.
import '../../require-node.mjs';

export const deployment = async (context) => (await import('./parameters.ts')).deployment(context);
