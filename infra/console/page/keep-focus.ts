const CONTROLS =
  'a[href], button:not(:disabled), input:not(:disabled), select, textarea, summary, [tabindex="0"]';

/**
 * Keeps the focus near its place when the element that has it is removed, for example because another device removed the
 * record. Otherwise the browser would move the focus to the start of the document. The focus moves to the same control
 * of the next row, of the previous row, or to the heading above.
 */
export function keepFocus(root: HTMLElement): void {
  /** The element that has the focus. While a dialog is open, the element that had it before. */
  let last: HTMLElement | null = null;
  root.addEventListener('focusin', ({ target }) => {
    if (target instanceof HTMLElement && !isInDialog(target)) last = target;
  });
  // The user leaves the element by a click on a place that cannot have the focus.
  root.addEventListener('pointerdown', ({ target }) => {
    if (target instanceof HTMLElement && !isInDialog(target) && !last?.contains(target)) last = null;
  });
  new MutationObserver((records) => {
    const removals = new Map<Node, MutationRecord>();
    for (const record of records) for (const node of record.removedNodes) removals.set(node, record);
    const isConcerned = [...removals.keys()].some((node) => node.contains(last) || isDialog(node));
    if (last === null || !isConcerned) return;
    if (!last.isConnected) last = successorOf(last, removals);
    if (document.activeElement === document.body) last?.focus();
  }).observe(root, { childList: true, subtree: true });
}

function isDialog(node: Node): boolean {
  return node instanceof HTMLDialogElement;
}

function isInDialog(element: HTMLElement): boolean {
  return element.closest('dialog') !== null;
}

/** Returns the element that gets the focus of a removed element. */
function successorOf(gone: HTMLElement, removals: ReadonlyMap<Node, MutationRecord>): HTMLElement | null {
  const place = placeOf(gone, removals);
  if (place === null) return null;
  const { removed, parent } = place;
  const [next, previous] = [
    survivor(removed, 'nextSibling', removals),
    survivor(removed, 'previousSibling', removals),
  ];
  // A button that showed more of a list is below the list.
  if (removed === gone) return controlsOf(previous).at(-1) ?? headingAbove(parent);
  const isRow = removed instanceof HTMLElement && removed.matches('tr, li');
  const index = controlsOf(removed).indexOf(gone);
  for (const row of isRow ? [next, previous] : []) {
    const controls = controlsOf(row);
    const found = controls[index] ?? controls[0];
    if (found) return found;
  }
  return headingAbove(parent);
}

/** Returns the removed element that contained `gone`, and its parent, which is still in the document. */
function placeOf(
  gone: Node,
  removals: ReadonlyMap<Node, MutationRecord>,
): { removed: Node; parent: Element } | null {
  let node: Node | null = gone;
  while (node !== null) {
    const target: Node | undefined = removals.get(node)?.target;
    if (target instanceof Element && target.isConnected) return { removed: node, parent: target };
    node = node.parentNode ?? target ?? null;
  }
  return null;
}

/** Returns the nearest sibling of a removed node that is still in the document. */
function survivor(
  removed: Node,
  side: 'nextSibling' | 'previousSibling',
  removals: ReadonlyMap<Node, MutationRecord>,
): Node | null {
  let node = removals.get(removed)?.[side] ?? null;
  while (node !== null && !node.isConnected) node = removals.get(node)?.[side] ?? null;
  return node;
}

/** Returns the elements in `node` that the keyboard reaches, including `node` itself. */
function controlsOf(node: Node | null): HTMLElement[] {
  if (!(node instanceof HTMLElement)) return [];
  const inside = [...node.querySelectorAll<HTMLElement>(CONTROLS)];
  return node.matches(CONTROLS) ? [node, ...inside] : inside;
}

function headingAbove(parent: Element): HTMLElement | null {
  for (let element: Element | null = parent; element !== null; element = element.parentElement) {
    const heading = element.querySelector<HTMLElement>('h1, h2, h3');
    if (heading === null) continue;
    heading.tabIndex = -1;
    return heading;
  }
  return null;
}
