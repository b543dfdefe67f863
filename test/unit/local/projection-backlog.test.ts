import { describe, expect, it } from 'vitest';
import { createProjectionBacklog } from '../../../infra/local/projection-backlog.ts';

function createBacklog() {
  const stream = { behindMs: 100 };
  return { stream, backlog: createProjectionBacklog(() => stream.behindMs) };
}

describe('the backlog of the projection is long', () => {
  it('while more than 500 published events are not processed', () => {
    const { backlog } = createBacklog();
    backlog.published(500);
    expect(backlog.isLong()).toBe(false);
    backlog.published(1);
    expect(backlog.isLong()).toBe(true);
    backlog.processed(1);
    expect(backlog.isLong()).toBe(false);
  });

  it('while the query store is more than a second behind, even if this process published nothing', () => {
    const { stream, backlog } = createBacklog();
    stream.behindMs = 1_001;
    expect(backlog.isLong()).toBe(true);
    stream.behindMs = 1_000;
    expect(backlog.isLong()).toBe(false);
  });
});

describe('the count of events', () => {
  it('does not become negative when events that an earlier process published are processed', () => {
    const { backlog } = createBacklog();
    backlog.processed(10_000);
    backlog.published(501);
    expect(backlog.isLong()).toBe(true);
  });

  it('is reset when no event waits, so that lost events do not delay bulk publishes indefinitely', () => {
    const { stream, backlog } = createBacklog();
    backlog.published(10_000);
    expect(backlog.isLong()).toBe(true);
    stream.behindMs = 0;
    expect(backlog.isLong()).toBe(false);
    stream.behindMs = 100;
    expect(backlog.isLong()).toBe(false);
  });
});
