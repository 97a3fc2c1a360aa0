"""The kinds of steps, one module each; `softswitch.ivr.stepkinds` names them all."""
