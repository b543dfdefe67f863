import { NormalizedSchema } from '@smithy/core/schema';

/**
 * The type of a value, read once from the SDK's schema. Traversing this type is cheaper than querying the schema each
 * time.
 */
export type Shape =
  | { kind: 'string' | 'integer' | 'boolean' | 'timestamp' }
  | { kind: 'list'; entry: Shape }
  | { kind: 'map'; entry: Shape }
  | Structure;

export interface Structure {
  kind: 'structure';
  members: readonly Member[];
}

export interface Member {
  name: string;
  shape: Shape;
  required: boolean;
  binding: Binding;
}

/** The part of a request that holds a member. `name` is the member's name in that part of the request. */
export type Binding = { in: 'label' | 'body' } | { in: 'query' | 'header'; name: string };

type SchemaReference = Parameters<typeof NormalizedSchema.of>[0];

/**
 * Reads the structure of an input or output. If the operation has no input or output (the unit schema), the result has
 * no members.
 */
export function readStructure(reference: SchemaReference): Structure {
  const schema = NormalizedSchema.of(reference);
  return schema.isUnitSchema() ? { kind: 'structure', members: [] } : structureOf(schema);
}

function structureOf(schema: NormalizedSchema): Structure {
  const required = requiredCount(schema);
  const members = Array.from(schema.structIterator(), ([name, member], index) => ({
    name,
    shape: shapeOf(member),
    required: index < required,
    binding: bindingOf(member),
  }));
  return { kind: 'structure', members };
}

/**
 * Returns the number of required members. The schema lists required members first and has their number as its last
 * element.
 */
function requiredCount(schema: NormalizedSchema): number {
  const fields: unknown = schema.getSchema();
  const count: unknown = Array.isArray(fields) ? fields[6] : undefined;
  return typeof count === 'number' ? count : 0;
}

function shapeOf(schema: NormalizedSchema): Shape {
  if (schema.isStructSchema()) return structureOf(schema);
  if (schema.isListSchema()) return { kind: 'list', entry: shapeOf(schema.getValueSchema()) };
  if (schema.isMapSchema()) return { kind: 'map', entry: shapeOf(schema.getValueSchema()) };
  if (schema.isTimestampSchema()) return { kind: 'timestamp' };
  if (schema.isBooleanSchema()) return { kind: 'boolean' };
  // All numbers of this API are integers or longs. The schema does not distinguish them.
  if (schema.isNumericSchema()) return { kind: 'integer' };
  if (schema.isStringSchema()) return { kind: 'string' };
  throw new Error(`the API model has an unsupported type: ${schema.getName(true)}`);
}

function bindingOf(schema: NormalizedSchema): Binding {
  const { httpLabel, httpQuery, httpHeader } = schema.getMergedTraits();
  if (httpLabel) return { in: 'label' };
  if (httpQuery !== undefined) return { in: 'query', name: httpQuery };
  if (httpHeader !== undefined) return { in: 'header', name: httpHeader.toLowerCase() };
  return { in: 'body' };
}
