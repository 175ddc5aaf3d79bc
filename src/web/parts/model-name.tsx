/** A model: its provider small, its own name plain. */
export function ModelName({ id }: { id: string }) {
  const slash = id.indexOf('/');
  if (slash === -1) return <span class="model">{id}</span>;
  return (
    <span class="model">
      <span class="model-provider">{id.slice(0, slash)}/</span>
      {id.slice(slash + 1)}
    </span>
  );
}
