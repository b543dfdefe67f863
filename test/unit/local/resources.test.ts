import { expect, it } from 'vitest';
import { Resources } from '../../../infra/local/resources.ts';

it('disposeAsync closes resources once, in reverse order, and all of them even if one fails', async () => {
  const closed: string[] = [];
  const resources = new Resources();
  resources.defer(() => closed.push('first'));
  resources.defer(async () => {
    closed.push('second');
    throw new Error('second failed');
  });
  resources.defer(async () => closed.push('third'));
  await expect(resources.disposeAsync()).rejects.toThrow('second failed');
  await resources.disposeAsync();
  expect(closed).toEqual(['third', 'second', 'first']);
});

it('disposeAsync closes nothing after move() has passed the resources on', async () => {
  const closed: string[] = [];
  const resources = new Resources();
  resources.defer(() => closed.push('moved'));
  const moved = resources.move();
  await resources.disposeAsync();
  expect(closed).toEqual([]);
  await moved.disposeAsync();
  expect(closed).toEqual(['moved']);
});
