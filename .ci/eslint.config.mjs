// What the page's JavaScript must not do. No plugins: eslint alone.

const browser = [
  ...["window", "document", "navigator", "location", "performance", "console", "matchMedia", "fetch", "URL"],
  ...[
    "addEventListener",
    "requestAnimationFrame",
    "setTimeout",
    "clearTimeout",
    "createImageBitmap",
    "ImageData",
  ],
  ...["OffscreenCanvas", "Option"],
];

export default [
  {
    files: ["**/*.js"],
    languageOptions: {
      ecmaVersion: 2023,
      sourceType: "module",
      globals: Object.fromEntries(browser.map((name) => [name, "readonly"])),
    },
    rules: {
      "no-undef": "error",
      "no-unused-vars": "error",
      "no-var": "error",
      "prefer-const": "error",
      eqeqeq: "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "write", "setHTMLUnsafe"].map((property) => ({
          property,
          message: "Text is never read as HTML.",
        })),
      ],
    },
  },
];
