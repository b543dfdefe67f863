import { NormalizedSchema } from '@smithy/core/schema';

/** What a value looks like, read from the SDK's schema once: walking this is cheaper than asking the schema each time. */
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

/** Where in a request a member travels; `name` is what it is called there. */
export type Binding = { in: 'label' | 'body' } | { in: 'query' | 'header'; name: string };

type SchemaReference = Parameters<typeof NormalizedSchema.of>[0];

/** The structure of an input or output. That of an operation without one (the unit schema) has no members. */
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

/** The schema lists required members first, and says how many they are in its last place. */
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
  // Every number of this API is an integer or a long; the schema does not say which.
  if (schema.isNumericSchema()) return { kind: 'integer' };
  if (schema.isStringSchema()) return { kind: 'string' };
  throw new Error(`the API model has a type that is not known here: ${schema.getName(true)}`);
}

function bindingOf(schema: NormalizedSchema): Binding {
  const { httpLabel, httpQuery, httpHeader } = schema.getMergedTraits();
  if (httpLabel) return { in: 'label' };
  if (httpQuery !== undefined) return { in: 'query', name: httpQuery };
  if (httpHeader !== undefined) return { in: 'header', name: httpHeader.toLowerCase() };
  return { in: 'body' };
}
