/** The child's side of `lib/contender.mjs`: answers calls one after the other, ends when the parent is gone. */
export function serve(methods) {
  process.on('message', async ({ id, method, argument }) => {
    try {
      process.send({ id, value: await methods[method](argument) });
    } catch (error) {
      process.send({ id, error: error?.stack ?? String(error) });
    }
  });
  process.on('disconnect', async () => {
    await methods.close?.();
    process.exit();
  });
}
