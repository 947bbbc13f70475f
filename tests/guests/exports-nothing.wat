;; exports-nothing: a valid component that no trigger can start.
;; world: nothing
(module
)
