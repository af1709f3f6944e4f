/** One call at a time: `call` sends and resolves when `answered` is called. */
export function caller(send) {
  let resolve;
  return {
    call: () =>
      new Promise((done) => {
        resolve = done;
        send();
      }),
    answered: (value) => resolve(value),
  };
}
