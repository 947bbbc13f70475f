// Stands for a module that is imported for its effect on browsers only.
