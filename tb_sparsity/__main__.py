"""`python -m tb_sparsity`: the same as the command `tb-sparsity`."""

import sys

from tb_sparsity.cli import main

sys.exit(main())
