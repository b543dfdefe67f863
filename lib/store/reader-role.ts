/** The role people and the query API read as: it sees the views of schema `query` and nothing else. */
export const READER_ROLE = 'query_reader';
