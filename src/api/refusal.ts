/** The question is wrong, in one line for the one who asked: status 400. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal';
}
