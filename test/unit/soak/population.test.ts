import { describe, expect, it } from 'vitest';
import { checkPopulation, type Population } from '../../soak/population/check-population.ts';
import { createPopulationLedger, type Side } from '../../soak/population/ledger.ts';

const PLACE = { identityId: 'ada', datasetName: 'game' };
const NAME = 'ada game';

/** Devices of the origin and of the target that write one dataset. One write follows another after one second. */
function createDevices() {
  const ledger = createPopulationLedger();
  let at = 0;
  const counts = { origin: 0, target: 1_000 };
  return {
    ledger,
    /** @param base the sync count that the device knows; 0, of no write, by default */
    write(side: Side, key: string, value: string | null, base = 0) {
      at += 1_000;
      counts[side] += 1;
      const patch = { Op: value === null ? 'remove' : 'replace', Key: key, Value: value, SyncCount: base };
      const record = { Key: key, Value: value, SyncCount: counts[side], LastModifiedDate: at / 1_000 };
      ledger.updated(side, PLACE, { patches: [patch], records: [record], sentAt: at - 500, at });
      return counts[side];
    },
    doubt(side: Side, key: string, value: string, base = 0) {
      at += 1_000;
      const patch = { Op: 'replace', Key: key, Value: value, SyncCount: base };
      ledger.updated(side, PLACE, { patches: [patch], records: null, sentAt: at, at });
    },
    remove(side: Side) {
      at += 1_000;
      ledger.deleted(side, PLACE, { sentAt: at - 500, ackedAt: at });
    },
    /** Checks the population with these final records at the origin and at the target, by default the same. */
    check(origin: Record<string, string>, given: Partial<Population> = {}, target = origin): string[] {
      return checkPopulation({
        changes: ledger.changes,
        deletions: ledger.deletions,
        conflicts: [],
        contents: {
          origin: new Map([[NAME, Object.entries(origin)]]),
          target: new Map([[NAME, Object.entries(target)]]),
        },
        onlyAt: new Map(),
        mergedInto: new Map(),
        bridgeWrites: { origin: new Map(), target: new Map() },
        interruptions: () => 0,
        ...given,
      });
    },
  };
}

const conflict = { ...PLACE, key: 'a', winner: 'here' as const, here: null };

describe('the checker of the population test', () => {
  it('finds an acknowledged change that is missing on one side or on both', () => {
    const devices = createDevices();
    devices.write('origin', 'a', '1');
    expect(devices.check({ a: '1' })).toEqual([]);
    expect(devices.check({}).join()).toContain('1, count 1, acknowledged by the origin, is lost');
    expect(devices.check({ a: '1' }, {}, {}).join()).toContain('target nothing');
  });

  it('accepts an overwritten change only if the device that overwrote it, on either side, had received it before', () => {
    const devices = createDevices();
    const first = devices.write('origin', 'a', '1');
    devices.write('target', 'a', '2', first);
    expect(devices.check({ a: '2' })).toEqual([]);
    expect(devices.check({ a: '1' }).join(), 'an older value returned').toContain('2, count 1001');
    devices.write('target', 'b', '3');
    devices.write('origin', 'b', '4');
    expect(devices.check({ a: '2', b: '4' }).join(), 'no conflict was listed').toContain('3, count 1002');
  });

  it('accepts a change that lost a conflict if the list of conflicts has that conflict with the date of the change', () => {
    const devices = createDevices();
    devices.write('target', 'a', '1');
    devices.write('origin', 'a', '2');
    const listed = (there: number) => ({
      conflicts: [{ ...conflict, there: new Date(there).toISOString() }],
    });
    expect(devices.check({ a: '1' }, listed(2_000))).toEqual([]);
    expect(devices.check({ a: '1' }, listed(1_999))).toHaveLength(1);
  });

  it('accepts that a change without an answer is stored or not, but not that the acknowledged change before it is lost', () => {
    const devices = createDevices();
    const first = devices.write('origin', 'a', '1');
    devices.doubt('origin', 'a', '2', first);
    expect(devices.check({ a: '1' })).toEqual([]);
    expect(devices.check({ a: '2' })).toEqual([]);
    expect(devices.check({})).toHaveLength(1);
  });

  it('finds values that return after a removal or after a deletion of the dataset', () => {
    const devices = createDevices();
    const first = devices.write('origin', 'a', '1');
    devices.write('origin', 'a', null, first);
    expect(devices.check({})).toEqual([]);
    expect(devices.check({ a: '1' }).join()).toContain('a removal, count 2');
    devices.write('target', 'b', '2');
    devices.remove('target');
    expect(devices.check({})).toEqual([]);
    expect(devices.check({ b: '2' }).join()).toContain('returned after the dataset was deleted');
  });

  it('ignores the removal of a record that neither the device nor its service had; such a removal explains no loss', () => {
    const devices = createDevices();
    const first = devices.write('origin', 'a', '1');
    devices.write('target', 'a', null);
    const second = devices.write('origin', 'a', '2', first);
    expect(devices.check({ a: '2' })).toEqual([]);
    const removal = devices.write('origin', 'a', null, second);
    devices.write('target', 'a', null);
    expect(devices.check({ a: '2' }).join(), 'it explains no loss').toContain(`a removal, count ${removal}`);
  });

  it('finds values that were written elsewhere, repeated keys, and sides that differ', () => {
    const devices = createDevices();
    devices.write('origin', 'a', '1');
    expect(devices.check({ a: '1', b: '1' }).join()).toContain('ada game b: 1 was never written there');
    const twice = new Map([[NAME, [['a', '1'] as const, ['a', '1'] as const]]]);
    expect(devices.check({}, { contents: { origin: twice, target: twice } }).join()).toContain('key twice');
    expect(devices.check({ a: '1' }, {}, { a: '0' }).join()).toContain('origin 1, target 0');
  });

  it('looks for the records of a merged identity in the copies that the merge made', () => {
    const devices = createDevices();
    devices.write('origin', 'a', '1');
    const mergedInto = new Map([['ada', 'grace']]);
    const copies = new Map([['grace game.ada', [['a', '1'] as const]]]);
    expect(devices.check({}, { mergedInto, contents: { origin: copies, target: copies } })).toEqual([]);
    expect(devices.check({ a: '1' }, { mergedInto }).join()).toContain('is lost');
  });

  it('finds a loop: more writes of the bridge than changes on the other side', () => {
    const devices = createDevices();
    devices.write('target', 'a', '1');
    const writes = (count: number) => ({ origin: new Map([[NAME, count]]), target: new Map() });
    expect(devices.check({ a: '1' }, { bridgeWrites: writes(1) })).toEqual([]);
    expect(devices.check({ a: '1' }, { bridgeWrites: writes(2) }).join()).toContain('wrote 2 times');
    expect(devices.check({ a: '1' }, { bridgeWrites: writes(2), interruptions: () => 1 })).toEqual([]);
  });
});
