// What serverless.yml reads: the framework loads no TypeScript by itself.
export { deployment } from './parameters.ts';
