import { API_OPERATIONS, type ApiOperation, type PathPart } from './api-model.ts';

export interface FoundRoute {
  operation: ApiOperation;
  /** Raw path parts by member name, not decoded. */
  labels: ReadonlyMap<string, string>;
}

/**
 * Finds the operation of a request by method and raw path. Splits the path before decoding anything. An encoded slash
 * therefore remains part of its label, and `.` and `..` have no effect.
 *
 * @param target the raw request target: path and query
 * @returns undefined if the API has no such operation
 */
export function findRoute(method: string, target: string): FoundRoute | undefined {
  const parts = pathOf(target).split('/').slice(1);
  for (const operation of API_OPERATIONS) {
    if (operation.method !== method) continue;
    const labels = matchPath(operation.path, parts);
    if (labels) return { operation, labels };
  }
  return undefined;
}

function pathOf(target: string): string {
  const question = target.indexOf('?');
  return question < 0 ? target : target.slice(0, question);
}

/** Treats an empty part as an empty label. Otherwise, a request with an omitted name would match the list operation. */
function matchPath(path: readonly PathPart[], parts: readonly string[]): Map<string, string> | undefined {
  if (path.length !== parts.length) return undefined;
  const labels = new Map<string, string>();
  for (const [index, expected] of path.entries()) {
    const part = parts[index] ?? '';
    if ('label' in expected) labels.set(expected.label, part);
    else if (expected.word !== part) return undefined;
  }
  return labels;
}
