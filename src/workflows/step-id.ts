import { currentRun } from './run.ts';
import { hashOf } from './steps/stable-order.ts';

/** A step's id in this run: its name, and from the second time on its number too (`draft`, `draft#2`). The number is drawn
 *  as the step is called, before anything is waited for. */
export function stepId(name: string): string {
  const { steps } = currentRun();
  const count = (steps.get(name) ?? 0) + 1;
  steps.set(name, count);
  return count === 1 ? name : `${name}#${count}`;
}

/**
 * The step as the journal knows it. Branches that run at once and use one name draw their numbers in the order they get
 * there, which may be another one after a reset; what they ask is the same. A step is therefore known by its name and by
 * what it asks first; equal ones are counted, and it does not matter which of them is which.
 * @returns `draft`; `draft=2` for the second that asks the same; `draft@7` where 7 of the name came in earlier histories
 */
export function placeOf(step: string, request: unknown): string {
  const { places, asked, before } = currentRun();
  const known = places.get(step);
  if (known !== undefined) return known;
  const name = step.replace(/#\d+$/, '');
  const earlier = before.get(name) ?? 0;
  const question = `${name}\n${hashOf(JSON.stringify(request))}`;
  const nth = (asked.get(question) ?? 0) + 1;
  asked.set(question, nth);
  const place = `${name}${earlier === 0 ? '' : `@${earlier}`}${nth === 1 ? '' : `=${nth}`}`;
  places.set(step, place);
  return place;
}
