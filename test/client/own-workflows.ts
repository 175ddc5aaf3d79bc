/** A workflow of a user's own that uses no step of the library. */
export async function stepless({ name }: { name: string }): Promise<string> {
  return `done, ${name}`;
}
