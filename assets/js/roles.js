// The form of a role: a permission that comes with another is ticked and locked while that other is ticked, and
// what was changed is not left without a question.

class RoleForm {
  constructor(form) {
    this.form = form;
    this.implied = [...form.querySelectorAll('[data-comes-with]')];
    // What the person ticked themselves, to be given back when the other tick goes.
    this.own = new Map(this.implied.map((box) => [box, box.checked && !this.#brought(box)]));
    form.addEventListener('change', (event) => {
      if (this.own.has(event.target)) this.own.set(event.target, event.target.checked);
      this.#draw();
    });
    this.#draw();
    this.start = this.#state();
  }

  #brought(box) {
    return box.dataset.comesWith.split(' ').some((key) => this.form.querySelector(`[name="permissions"][value="${key}"]`)?.checked);
  }

  #draw() {
    for (const box of this.implied) {
      const brought = this.#brought(box);
      box.disabled = brought;
      box.checked = brought || this.own.get(box);
    }
  }

  #state() {
    return [...new FormData(this.form)].map(([name, value]) => `${name}=${value}`).join('\n');
  }

  get dirty() {
    return this.form.dataset.carried !== undefined || this.#state() !== this.start;
  }
}

const started = new WeakMap();

/** Prepares the role form inside `root`, if there is one. */
export function prepareRole(root) {
  const form = root.querySelector('[data-role-form]');
  if (form) started.set(form, new RoleForm(form));
}

/** Whether leaving the role form inside `root` would lose something. */
export function unsavedRole(root) {
  const form = root.querySelector('[data-role-form]');
  const role = form && started.get(form);
  return role?.dirty ? { size: 0 } : null;
}
